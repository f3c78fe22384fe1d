-- The objects of the stream's table of which nothing is left to show: they arrived before yesterday, and uploads have
-- each of their purchases. One row per object.
--
-- params: periods, as in live_streamed.
WITH

batch AS (
    SELECT purchase_id
    FROM transactions.transactions_clean
    WHERE period IN ('{{ params.periods | join("', '") }}')

    UNION

    SELECT purchase_id
    FROM transactions.transactions_outliers
    WHERE period IN ('{{ params.periods | join("', '") }}')
)

SELECT live."$path" AS object
FROM transactions.transactions_live AS live
LEFT JOIN batch ON live.purchase_id = batch.purchase_id
WHERE live.day < date_add('day', -1, current_date)
GROUP BY live."$path"
HAVING count(*) = count(batch.purchase_id)
ORDER BY object
