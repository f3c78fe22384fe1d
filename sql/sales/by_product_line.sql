-- One row per product line, as products were on the day of the order; margin is revenue less what its pieces cost.
SELECT
    products.product_line,
    sum(lines.quantity) AS pieces,
    sum(lines.amount) AS amount,
    sum(lines.revenue) AS revenue,
    sum(CASE WHEN lines.revenue > 0 THEN lines.revenue - lines.cost ELSE 0 END) AS margin
FROM sales.fact_orders AS lines
INNER JOIN sales.dim_products AS products ON lines.product_key = products.product_key
GROUP BY products.product_line
ORDER BY revenue DESC, products.product_line ASC
