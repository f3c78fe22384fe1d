-- One row per region and month.
CREATE MATERIALIZED VIEW sales_by_region AS
SELECT
    region,
    date_trunc('month', purchase_date)::date AS month,
    sum(purchases) AS purchases,
    sum(missing_amounts) AS missing_amounts,
    sum(refunds) AS refunds,
    sum(sales) AS sales,
    sum(refunded) AS refunded
FROM daily_sales
GROUP BY region, date_trunc('month', purchase_date)::date
