-- Events are numbered twice, each time without gaps: in their video, and in their owner's feed.

create table feeds (
  owner  text primary key,
  number integer not null,               -- of the latest event
  at     integer not null                -- of the latest event: no later one is older
);

alter table videos add column events integer not null default 0; -- number of the latest event

create table events (
  owner       text not null,
  feed_number integer not null,
  video_id    text not null,             -- stays when the video is gone: its removal is an event
  number      integer not null,
  kind        text not null,
  data        text not null,
  at          integer not null,
  primary key (owner, feed_number)
) without rowid;
create unique index events_by_video on events(video_id, number);
create index events_by_age on events(at);
