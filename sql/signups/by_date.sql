-- One row per day of signed_up_on: how many, and how many so far.
WITH

days AS (
    SELECT
        signed_up_on AS day,
        count(*) AS signups
    FROM signups.signups_final
    GROUP BY signed_up_on
)

SELECT
    day,
    signups,
    sum(signups) OVER (ORDER BY day) AS signups_so_far
FROM days
ORDER BY day
