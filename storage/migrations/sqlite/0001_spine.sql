-- Times are integer milliseconds since 1970; ids are 32 hexadecimal digits; structs are JSON.

create table sessions (
  principal  text primary key,           -- SHA-256 of the secret; the secret itself is kept nowhere
  created_at integer not null,
  seen_at    integer not null
);

create table sources (
  id         text primary key,
  length     integer,                    -- null until it is known
  ended      integer not null default 0, -- every byte is there
  created_at integer not null
);

create table uploads (
  id         text primary key,           -- secret: whoever knows it may write
  source_id  text not null references sources(id) on delete cascade,
  video_id   text not null,
  start      integer not null default 0, -- where in the source this upload's first byte goes
  length     integer not null,
  mark       integer not null default 0, -- bytes that are synced and acknowledged
  boot       text not null,              -- the kernel's boot id when `mark` was written
  metadata   text not null,              -- Upload-Metadata as it was sent
  created_at integer not null,
  updated_at integer not null
);
create index uploads_by_source on uploads(source_id);
create index uploads_by_video on uploads(video_id);

create table videos (
  id             text primary key,
  owner          text not null,          -- sessions.principal
  title          text not null,
  filename       text not null,
  source_id      text not null,
  edition_id     text,                   -- the one that is shown
  access         text not null default 'private',
  access_version integer not null default 1,
  created_at     integer not null,
  removed_at     integer                 -- a tombstone: invisible from then on, erased soon after
);
create index videos_by_owner on videos(owner, created_at, id);
create index videos_by_source on videos(source_id);

create table editions (
  id         text primary key,
  source_id  text not null,
  settings   text not null,
  facts      text,                       -- frozen at the first publication
  ended      integer not null default 0,
  created_at integer not null
);

create table outputs (
  edition_id text not null references editions(id) on delete cascade,
  name       text not null,
  position   integer not null,
  facts      text not null,
  init       blob not null,
  peak       integer not null,           -- bits per second: declared, then measured
  average    integer not null,
  primary key (edition_id, name)
);

create table cuts (
  edition_id text not null references editions(id) on delete cascade,
  number     integer not null,
  epoch      integer not null,
  start      integer not null,           -- ticks of the edition's timescale
  duration   integer not null,
  resume     text not null,              -- how to make the next cut
  primary key (edition_id, number)
) without rowid;

create table pieces (
  edition_id text not null references editions(id) on delete cascade,
  number     integer not null,
  output     text not null,
  name       text not null,
  size       integer not null,
  duration   integer not null,           -- ticks of the output's timescale
  frames     integer not null,
  keyframes  text not null,              -- [[offset, size, ticks from the piece's start], ...]
  primary key (edition_id, number, output)
) without rowid;

create table jobs (
  id          text primary key,
  kind        text not null,
  video_id    text not null,
  edition_id  text,                       -- the one that is being made
  owner       text not null,
  state       text not null,
  epoch       integer not null default 0,
  attempts    integer not null default 0, -- starts that ended badly
  misses      integer not null default 0, -- of those, since the last published cut
  priority    integer not null default 0,
  parked_at   integer,                    -- bytes that were there when it was parked
  error_code  text,
  error_detail text,
  warnings    text not null default '[]',
  progress    text not null default '{}',
  created_at  integer not null,
  started_at  integer,
  ended_at    integer
);
create index jobs_by_video on jobs(video_id);
create index jobs_by_state on jobs(state, priority desc, created_at);
