"""How a message gets from one service to another, in process: queues of tasks, deliveries, SNS and its inbox."""
