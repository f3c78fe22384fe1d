-- The numbers that must be the same as Redshift's (sql/redshift/transactions/numbers.sql), down to each row's key.
SELECT
    'purchases' AS part,
    CAST(purchase_date AS varchar) || ' ' || region AS place,
    count(*) AS purchases,
    count_if(amount IS NULL) AS missing_amounts,
    count_if(status = 'REFUNDED') AS refunds,
    coalesce(sum(amount) FILTER (WHERE status = 'COMPLETED'), 0) AS sales,
    coalesce(sum(amount) FILTER (WHERE status = 'REFUNDED'), 0) AS refunded,
    sum(purchase_id) AS keys
FROM transactions.transactions_clean
GROUP BY purchase_date, region

UNION ALL

SELECT
    'sales_by_region' AS part,
    CAST(CAST(date_trunc('month', purchase_date) AS date) AS varchar) || ' ' || region AS place,
    sum(purchases) AS purchases,
    sum(missing_amounts) AS missing_amounts,
    sum(refunds) AS refunds,
    sum(sales) AS sales,
    sum(refunded) AS refunded,
    0 AS keys
FROM transactions.daily_sales
GROUP BY CAST(date_trunc('month', purchase_date) AS date), region

UNION ALL

SELECT
    'sales_by_product' AS part,
    product_id AS place,
    sum(purchases) AS purchases,
    sum(missing_amounts) AS missing_amounts,
    sum(refunds) AS refunds,
    sum(sales) AS sales,
    sum(refunded) AS refunded,
    0 AS keys
FROM transactions.daily_sales
GROUP BY product_id
