"""AWS Secrets Manager: secrets with versions and staging labels, kept in files that only this user may read."""
