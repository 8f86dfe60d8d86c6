-- Uploads whose client has said that they are complete, in the protocol in which that is said.

create table completed_uploads (
  id text primary key references uploads(id) on delete cascade
);
