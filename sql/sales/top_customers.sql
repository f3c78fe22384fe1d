-- The twenty customers with the most revenue, under the name that they have now, and their share of all revenue.
WITH

totals AS (
    SELECT
        customer_number,
        count(DISTINCT order_number) AS orders,
        sum(amount) AS amount,
        sum(revenue) AS revenue
    FROM sales.fact_orders
    GROUP BY customer_number
),

newest AS (
    SELECT
        customer_number,
        max_by(customer_name, valid_to) AS customer_name,
        max_by(country, valid_to) AS country
    FROM sales.dim_customers
    GROUP BY customer_number
)

SELECT
    totals.customer_number,
    newest.customer_name,
    newest.country,
    totals.orders,
    totals.amount,
    totals.revenue,
    round(
        100 * CAST(totals.revenue AS double) / nullif(CAST(sum(totals.revenue) OVER () AS double), 0), 2
    ) AS share_percent
FROM totals
LEFT JOIN newest ON totals.customer_number = newest.customer_number
ORDER BY totals.revenue DESC, totals.customer_number ASC
LIMIT 20
