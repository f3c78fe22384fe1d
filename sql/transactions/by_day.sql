-- One row per day: purchases, sales, refunds.
SELECT
    purchase_date AS day,
    sum(purchases) AS purchases,
    sum(sales) AS sales,
    sum(refunds) AS refunds,
    sum(refunded) AS refunded
FROM transactions.daily_sales
GROUP BY purchase_date
ORDER BY day
