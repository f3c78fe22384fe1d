-- One row per product: purchases, sales, its share of all sales, and the share of its purchases that were refunded.
WITH

products AS (
    SELECT
        product_id,
        sum(purchases) AS purchases,
        sum(refunds) AS refunds,
        sum(sales) AS sales
    FROM transactions.daily_sales
    GROUP BY product_id
)

SELECT
    product_id,
    purchases,
    sales,
    round(CAST(sales AS double) / nullif(CAST(sum(sales) OVER () AS double), 0), 6) AS share_of_sales,
    round(CAST(refunds AS double) / purchases, 6) AS share_refunded
FROM products
ORDER BY sales DESC, product_id ASC
