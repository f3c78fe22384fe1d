-- One row per minute, region and status of today and yesterday (UTC) in which the stream took a purchase.
SELECT
    minute,
    region,
    status,
    purchases,
    missing_amounts,
    amount
FROM transactions.minute_metrics
WHERE day >= CAST(date_add('day', -1, current_date) AS varchar)
ORDER BY minute, region, status
