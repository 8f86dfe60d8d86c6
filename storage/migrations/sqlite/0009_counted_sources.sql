-- How much of a source is there is counted, and its uploads are found by where they begin.

alter table sources add column there integer not null default 0; -- bytes that are recorded
update sources set there = coalesce((select sum(mark) from uploads
  where source_id = sources.id and kind <> 'joined'), 0);
drop index uploads_by_source;
create index uploads_by_source on uploads(source_id, start);
create index uploads_by_copying on uploads(kind) where kind = 'copy' and mark < length;

-- Of an upload whose length is not known: bytes that it may have while its body arrives.
alter table uploads add column reserved integer;
