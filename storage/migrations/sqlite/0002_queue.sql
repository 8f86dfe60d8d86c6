-- What procrastinate keeps, with its names (its own schema is PostgreSQL's).

create table procrastinate_workers (
  id             integer primary key autoincrement,
  last_heartbeat real not null
);

create table procrastinate_jobs (
  id              integer primary key autoincrement,
  queue_name      text not null,
  task_name       text not null,
  priority        integer not null default 0,
  lock            text,
  queueing_lock   text,
  args            text not null default '{}',
  status          text not null default 'todo',
  scheduled_at    real,
  attempts        integer not null default 0,
  abort_requested integer not null default 0,
  worker_id       integer references procrastinate_workers(id) on delete set null,
  check (not (status = 'todo' and abort_requested = 1))
);
create unique index procrastinate_jobs_queueing_lock_idx_v1
  on procrastinate_jobs(queueing_lock) where status = 'todo';
create unique index procrastinate_jobs_lock_idx_v1
  on procrastinate_jobs(lock) where status = 'doing';
create index procrastinate_jobs_priority_idx_v1
  on procrastinate_jobs(priority desc, id) where status = 'todo';

create table procrastinate_events (
  id     integer primary key autoincrement,
  job_id integer not null references procrastinate_jobs(id) on delete cascade,
  type   text not null,
  at     real not null
);
create index procrastinate_events_job_id_fkey_v1 on procrastinate_events(job_id);

create table procrastinate_periodic_defers (
  id              integer primary key autoincrement,
  task_name       text not null,
  periodic_id     text not null default '',
  defer_timestamp integer not null,
  job_id          integer references procrastinate_jobs(id) on delete set null,
  unique (task_name, periodic_id, defer_timestamp)
);

create trigger procrastinate_deferred after insert on procrastinate_jobs
begin
  insert into procrastinate_events (job_id, type, at)
  select new.id, 'scheduled', new.scheduled_at where new.scheduled_at is not null;
  insert into procrastinate_events (job_id, type, at)
  values (new.id, 'deferred', (julianday('now') - 2440587.5) * 86400.0);
end;

create trigger procrastinate_moved after update of status on procrastinate_jobs
when old.status <> new.status
begin
  insert into procrastinate_events (job_id, type, at)
  values (
    new.id,
    case
      when new.status = 'doing' then 'started'
      when old.status = 'doing' and new.status = 'todo' then 'deferred_for_retry'
      when old.status = 'failed' and new.status = 'todo' then 'retried'
      when old.status = 'todo' then 'cancelled'
      else new.status
    end,
    (julianday('now') - 2440587.5) * 86400.0
  );
end;

create trigger procrastinate_abort after update of abort_requested on procrastinate_jobs
when new.abort_requested = 1 and old.abort_requested = 0
begin
  insert into procrastinate_events (job_id, type, at)
  values (new.id, 'abort_requested', (julianday('now') - 2440587.5) * 86400.0);
end;
