-- Outputs besides renditions, and which of them an upload asks for.

alter table pieces add column score integer not null default 0; -- of a thumbnail: 0 to 1000

alter table videos add column outputs text not null default 'null'; -- wanted kinds; null: all set
