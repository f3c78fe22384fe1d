-- One row per month with orders or payments: what was ordered, what of it is revenue, what was paid.
WITH

ordered AS (
    SELECT
        days.year_month,
        count(DISTINCT lines.order_number) AS orders,
        sum(lines.amount) AS amount,
        sum(lines.revenue) AS revenue
    FROM sales.fact_orders AS lines
    INNER JOIN sales.dim_dates AS days ON lines.order_date_key = days.date_key
    GROUP BY days.year_month
),

paid AS (
    SELECT
        days.year_month,
        sum(payments.amount) AS paid
    FROM sales.fact_payments AS payments
    INNER JOIN sales.dim_dates AS days ON payments.payment_date_key = days.date_key
    GROUP BY days.year_month
)

SELECT
    CAST(coalesce(ordered.year_month, paid.year_month) || '-01' AS date) AS month,
    coalesce(ordered.orders, 0) AS orders,
    coalesce(ordered.amount, 0) AS amount,
    coalesce(ordered.revenue, 0) AS revenue,
    coalesce(paid.paid, 0) AS paid
FROM ordered
FULL OUTER JOIN paid ON ordered.year_month = paid.year_month
ORDER BY month
