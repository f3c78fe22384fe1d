-- One row per number of orders that customers placed, cancelled ones apart: how many customers placed so many, what
-- share of all buyers that is, how long they waited between orders, and their revenue.
WITH

orders AS (
    SELECT
        customer_number,
        order_number,
        order_date,
        sum(revenue) AS revenue
    FROM sales.fact_orders
    WHERE lower(status) <> 'cancelled'
    GROUP BY customer_number, order_number, order_date
),

customers AS (
    SELECT
        customer_number,
        count(*) AS orders,
        date_diff('day', min(order_date), max(order_date)) AS days_between_first_and_last,
        sum(revenue) AS revenue
    FROM orders
    GROUP BY customer_number
)

SELECT
    orders,
    count(*) AS customers,
    round(100 * CAST(count(*) AS double) / sum(count(*)) OVER (), 1) AS share_percent,
    CASE
        WHEN orders > 1 THEN round(avg(CAST(days_between_first_and_last AS double) / (orders - 1)), 1)
    END AS average_days_between_orders,
    sum(revenue) AS revenue
FROM customers
GROUP BY orders
ORDER BY orders
