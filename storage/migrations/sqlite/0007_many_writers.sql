-- Many uploads may write into one source, some before there is a video; many videos may have it.

create table uploads_anew (
  id         text primary key,           -- secret: whoever knows it may write
  source_id  text not null references sources(id) on delete cascade,
  video_id   text not null,              -- empty: of a part, no video is made of it
  kind       text not null,              -- whole, window, part, joined, copy
  recipe     text,                       -- of parts and of what is joined: how, as it was sent
  origin     text,                       -- of a copy: the part that its bytes come from
  start      integer not null default 0, -- where in the source this upload's first byte goes
  length     integer,                    -- null until it is told
  mark       integer not null default 0, -- bytes that are synced and acknowledged
  boot       text not null,              -- the kernel's boot id when `mark` was written
  metadata   text not null,              -- Upload-Metadata as it was sent
  created_at integer not null,
  updated_at integer not null
);
insert into uploads_anew
  select id, source_id, video_id, 'whole', null, null, start, length, mark, boot, metadata,
    created_at, updated_at from uploads;
drop table uploads;
alter table uploads_anew rename to uploads;
create index uploads_by_source on uploads(source_id);
create index uploads_by_video on uploads(video_id);
create index uploads_by_origin on uploads(origin) where origin is not null;

alter table sources add column owner text not null default '';
alter table sources add column assembly text;      -- what its owner calls it while windows are made
alter table sources add column promised text;      -- SHA-256 that it was said to have, in hex
alter table sources add column digest text;        -- SHA-256 that it has
alter table sources add column expires_at integer; -- when it goes, unless it is whole by then
update sources set owner = coalesce(
  (select owner from videos where videos.source_id = sources.id limit 1), '');
create index sources_by_owner on sources(owner);
create unique index sources_by_assembly on sources(owner, assembly) where assembly is not null;
create index sources_by_digest on sources(owner, digest) where digest is not null;
create index sources_by_expiry on sources(expires_at) where expires_at is not null;

create table expired_uploads (
  id text primary key,
  at integer not null
);

alter table videos add column details text not null default '{}'; -- what else was said of it
