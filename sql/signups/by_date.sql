-- One row per day with sign-ups: how many, and how many so far. Statuses are those of the newest upload.
SELECT
    signed_up_on,
    count(*) AS signups,
    sum(count(*)) OVER (ORDER BY signed_up_on) AS signups_so_far
FROM signups.signups_final
GROUP BY signed_up_on
ORDER BY signed_up_on
