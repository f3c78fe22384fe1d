-- One row per status: how many have it.
SELECT
    status,
    count(*) AS signups
FROM signups.signups_final
GROUP BY status
ORDER BY signups DESC, status ASC
