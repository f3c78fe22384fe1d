-- One row per table and source file: rows, what is missing or odd in them, and the times that they span.
SELECT
    'events' AS table_name,
    e.source,
    count(*) AS row_count,
    count_if((e.event = 'transaction') <> (e.transactionid IS NOT NULL)) AS odd_rows,
    'transactions without an order, or orders without a transaction' AS odd_means,
    from_unixtime(min(e.timestamp) / 1000) AS earliest,
    from_unixtime(max(e.timestamp) / 1000) AS latest
FROM retail_events.events AS e
GROUP BY e.source

UNION ALL

SELECT
    'item_properties' AS table_name,
    p.source,
    count(*) AS row_count,
    count_if(p.value IS NULL) AS odd_rows,
    'properties without a value' AS odd_means,
    from_unixtime(min(p.timestamp) / 1000) AS earliest,
    from_unixtime(max(p.timestamp) / 1000) AS latest
FROM retail_events.item_properties AS p
GROUP BY p.source

UNION ALL

SELECT
    'category_tree' AS table_name,
    c.source,
    count(*) AS row_count,
    count_if(c.parentid IS NULL) AS odd_rows,
    'categories at the top' AS odd_means,
    CAST(NULL AS timestamp) AS earliest,
    CAST(NULL AS timestamp) AS latest
FROM retail_events.category_tree AS c
GROUP BY c.source
ORDER BY table_name, source
