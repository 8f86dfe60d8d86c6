-- The thumbnail that stands for the video: its file's name, and how good it is.

alter table editions add column poster text;
alter table editions add column poster_rank integer not null default -1;
