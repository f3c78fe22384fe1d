"""RDS: database instances that are real MariaDB servers on this machine."""
