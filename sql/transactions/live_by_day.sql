-- One row per day and region of the last five weeks, from uploads and stream together.
SELECT
    purchase_date AS day,
    region,
    count(*) AS purchases,
    count_if(way = 'stream') AS live_purchases,
    coalesce(sum(amount) FILTER (WHERE status = 'COMPLETED'), decimal '0.00') AS sales,
    count_if(status = 'REFUNDED') AS refunds,
    coalesce(sum(amount) FILTER (WHERE status = 'REFUNDED'), decimal '0.00') AS refunded
FROM transactions.transactions_all
WHERE
    period >= date_format(date_add('day', -35, current_date), '%Y-%m')
    AND purchase_date > date_add('day', -35, current_date)
GROUP BY purchase_date, region
ORDER BY purchase_date, region
