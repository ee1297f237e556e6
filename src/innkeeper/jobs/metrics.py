"""What Prometheus is told about background work."""

from prometheus_client import Counter, Gauge, Histogram

JOBS_FINISHED = Counter(
    "innkeeper_jobs",
    "Runs of jobs by kind and how they ended (done, later, unknown, error, crashed, dead)",
    ["kind", "outcome"],
)
JOB_SECONDS = Histogram(
    "innkeeper_job_duration_seconds",
    "How long a job's handler ran",
    ["kind"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
JOB_AGE = Gauge("innkeeper_job_age_seconds", "For how long the oldest unfinished job has been due")
JOBS = Gauge("innkeeper_jobs_rows", "Jobs in the data base by status", ["status"])
LEASES_LOST = Counter("innkeeper_job_leases_lost", "Times a worker lost the right to a lane while it was at it")
BROKER_UP = Gauge(
    "innkeeper_broker_up", "1 while the message broker is connected, 0 while jobs go by the data base alone"
)
EVENTS_PUBLISHED = Counter("innkeeper_events_published", "Events that the broker has confirmed")
JOBS_SENT = Counter("innkeeper_jobs_sent", "Ids of jobs that the broker has confirmed")
