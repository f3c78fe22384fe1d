"""EventBridge: buses, rules with event patterns and schedules, targets that are really reached; and its Scheduler."""
