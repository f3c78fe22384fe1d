-- The days of purchase that the stream's records name, one row each.
SELECT DISTINCT CAST(purchase_date AS varchar) AS day
FROM transactions.transactions_live
ORDER BY day
