-- The numbers that must be the same as Athena's (sql/transactions/warehouse_numbers.sql), down to each row's key.
SELECT
    'purchases' AS part,
    purchase_date::varchar || ' ' || region AS place,
    count(*) AS purchases,
    sum(CASE WHEN amount IS NULL THEN 1 ELSE 0 END) AS missing_amounts,
    sum(CASE WHEN status = 'REFUNDED' THEN 1 ELSE 0 END) AS refunds,
    coalesce(sum(CASE WHEN status = 'COMPLETED' THEN amount END), 0) AS sales,
    coalesce(sum(CASE WHEN status = 'REFUNDED' THEN amount END), 0) AS refunded,
    sum(purchase_id) AS keys
FROM purchases
GROUP BY purchase_date, region

UNION ALL

SELECT
    'sales_by_region' AS part,
    month::varchar || ' ' || region AS place,
    purchases,
    missing_amounts,
    refunds,
    sales,
    refunded,
    0 AS keys
FROM sales_by_region

UNION ALL

SELECT
    'sales_by_product' AS part,
    product_id AS place,
    purchases,
    missing_amounts,
    refunds,
    sales,
    refunded,
    0 AS keys
FROM sales_by_product
