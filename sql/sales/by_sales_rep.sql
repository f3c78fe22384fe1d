-- One row per sales representative of the day of the order, and one for orders of customers who had none.
SELECT
    sellers.employee_name,
    sellers.office_city,
    sellers.territory,
    count(DISTINCT lines.customer_number) AS customers,
    count(DISTINCT lines.order_number) AS orders,
    sum(lines.amount) AS amount,
    sum(lines.revenue) AS revenue
FROM sales.fact_orders AS lines
INNER JOIN sales.dim_employees AS sellers ON lines.employee_key = sellers.employee_key
GROUP BY sellers.employee_key, sellers.employee_name, sellers.office_city, sellers.territory
ORDER BY revenue DESC, sellers.employee_name ASC
