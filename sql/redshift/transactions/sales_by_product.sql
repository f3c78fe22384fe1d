-- One row per product.
CREATE MATERIALIZED VIEW sales_by_product AS
SELECT
    product_id,
    sum(purchases) AS purchases,
    sum(missing_amounts) AS missing_amounts,
    sum(refunds) AS refunds,
    sum(sales) AS sales,
    sum(refunded) AS refunded
FROM daily_sales
GROUP BY product_id
