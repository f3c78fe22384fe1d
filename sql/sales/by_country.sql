-- One row per country of the customers' places on the day of the order; most revenue first.
SELECT
    places.country,
    count(DISTINCT lines.customer_number) AS customers,
    count(DISTINCT lines.order_number) AS orders,
    sum(lines.amount) AS amount,
    sum(lines.revenue) AS revenue
FROM sales.fact_orders AS lines
INNER JOIN sales.dim_locations AS places ON lines.location_key = places.location_key
GROUP BY places.country
ORDER BY revenue DESC, places.country ASC
