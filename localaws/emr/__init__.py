"""EMR: clusters that run Spark scripts as steps, and end themselves."""
