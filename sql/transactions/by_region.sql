-- One row per region and month: purchases, sales, refunds.
SELECT
    region,
    date_trunc('month', purchase_date) AS month,
    sum(purchases) AS purchases,
    sum(sales) AS sales,
    sum(refunds) AS refunds,
    sum(refunded) AS refunded
FROM transactions.daily_sales
GROUP BY region, date_trunc('month', purchase_date)
ORDER BY region, month
