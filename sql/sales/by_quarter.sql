-- One row per quarter with orders: orders, customers, what was ordered, revenue, its growth over the quarter before.
WITH

quarters AS (
    SELECT
        days.year_quarter,
        count(DISTINCT lines.order_number) AS orders,
        count(DISTINCT lines.customer_number) AS customers,
        sum(lines.amount) AS amount,
        sum(lines.revenue) AS revenue
    FROM sales.fact_orders AS lines
    INNER JOIN sales.dim_dates AS days ON lines.order_date_key = days.date_key
    GROUP BY days.year_quarter
)

SELECT
    year_quarter,
    orders,
    customers,
    amount,
    revenue,
    round(
        100 * (
            CAST(revenue AS double) / nullif(CAST(lag(revenue) OVER (ORDER BY year_quarter) AS double), 0) - 1
        ), 1
    ) AS growth_percent
FROM quarters
ORDER BY year_quarter
