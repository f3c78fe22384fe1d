-- One row per day (UTC): how many visitors viewed an item, how many of them put one into the cart, how many of those
-- bought, and what they ordered. Exact duplicates count once.
WITH

visitor_days AS (
    SELECT
        event_date,
        visitorid,
        bool_or(event = 'view') AS viewed,
        bool_or(event = 'addtocart') AS carted,
        bool_or(event = 'transaction') AS bought
    FROM retail_events.events
    GROUP BY event_date, visitorid
),

orders AS (
    SELECT
        event_date,
        count(DISTINCT transactionid) AS orders
    FROM retail_events.events
    WHERE event = 'transaction'
    GROUP BY event_date
)

SELECT
    d.event_date AS day,
    count_if(d.viewed) AS viewers,
    count_if(d.viewed AND d.carted) AS carters,
    count_if(d.viewed AND d.carted AND d.bought) AS buyers,
    coalesce(max(o.orders), 0) AS orders
FROM visitor_days AS d
LEFT JOIN orders AS o ON d.event_date = o.event_date
GROUP BY d.event_date
ORDER BY day
