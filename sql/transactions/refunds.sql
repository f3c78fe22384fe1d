-- One row per month and region: how many purchases were refunded, what share of all, and what was paid back.
SELECT
    date_trunc('month', purchase_date) AS month,
    region,
    sum(refunds) AS refunds,
    round(CAST(sum(refunds) AS double) / sum(purchases), 6) AS share_refunded,
    sum(refunded) AS refunded
FROM transactions.daily_sales
GROUP BY date_trunc('month', purchase_date), region
ORDER BY month, region
