# Two processes of eight threads; each connects to the database after the fork.
workers 2
threads 8, 8
quiet
log_requests false
preload_app! false
