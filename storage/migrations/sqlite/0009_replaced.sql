-- Who follows something of a video must see that it shows another edition than before.

alter table videos add column replaced integer not null default 0; -- editions it showed before this
