-- Poses: which frames a piece has, what nobody looked at, and what broke down.

alter table pieces add column first integer not null default 0; -- of poses: its first frame's index
alter table pieces add column lost integer not null default 0;  -- pictures that nobody looked at
alter table jobs add column pose_faults text not null default '{}'; -- cut -> breakdowns at it

create index pieces_of_poses on pieces(edition_id, first, number) where output = 'pose';
create index cuts_by_start on cuts(edition_id, start);
