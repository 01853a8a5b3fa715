//! A throw-away PostgreSQL cluster from the distribution's binaries.
