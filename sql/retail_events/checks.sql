-- One row per check of the published tables: check_name, severity, ok, detail.
--
-- A row with ok = false fails the run if its severity is 'error'. The source's own oddities, which are kept, are
-- warnings.
WITH RECURSIVE

tree AS (
    SELECT DISTINCT
        categoryid,
        parentid
    FROM retail_events.category_tree
),

hanging (categoryid, depth) AS (
    SELECT
        node.categoryid,
        1 AS depth
    FROM tree AS node
    LEFT JOIN tree AS above ON node.parentid = above.categoryid
    WHERE above.categoryid IS NULL

    UNION ALL

    SELECT
        below.categoryid,
        h.depth + 1 AS depth
    FROM hanging AS h
    INNER JOIN tree AS below ON h.categoryid = below.parentid
    WHERE h.depth < 10
),

viewed AS (
    SELECT DISTINCT e.itemid FROM retail_events.events AS e
),

described AS (
    SELECT
        p.itemid,
        max(CASE WHEN p.property = 'categoryid' THEN try_cast(p.value AS bigint) END) AS categoryid
    FROM retail_events.item_properties AS p
    WHERE p.property IN ('categoryid', 'available')
    GROUP BY p.itemid
),

checks AS (
    SELECT
        'there_are_events' AS check_name,
        'error' AS severity,
        count_if(days.day_count = 0) AS broken,
        'tables without events' AS what
    FROM (SELECT count(DISTINCT e.event_date) AS day_count FROM retail_events.events AS e) AS days

    UNION ALL

    SELECT
        'categories_in_a_circle' AS check_name,
        'error' AS severity,
        count_if(h.categoryid IS NULL) AS broken,
        'categories that hang below themselves, or deeper than ten' AS what
    FROM tree AS t
    LEFT JOIN hanging AS h ON t.categoryid = h.categoryid

    UNION ALL

    SELECT
        'categories_below_unknown_ones' AS check_name,
        'warning' AS severity,
        count_if(t.parentid IS NOT NULL AND above.categoryid IS NULL) AS broken,
        'categories whose parent is in no row of its own' AS what
    FROM tree AS t
    LEFT JOIN tree AS above ON t.parentid = above.categoryid

    UNION ALL

    SELECT
        'exact_duplicates' AS check_name,
        'warning' AS severity,
        coalesce(sum(copies.row_count - 1), 0) AS broken,
        'events that stand there twice; they are kept' AS what
    FROM (
        SELECT count(*) AS row_count
        FROM retail_events.events AS e
        GROUP BY e.timestamp, e.visitorid, e.event, e.itemid, e.transactionid
        HAVING count(*) > 1
    ) AS copies

    UNION ALL

    SELECT
        'transactions_without_order' AS check_name,
        'warning' AS severity,
        count_if(e.transactionid IS NULL) AS broken,
        'transactions that name no order' AS what
    FROM retail_events.events AS e
    WHERE e.event = 'transaction'

    UNION ALL

    SELECT
        'items_viewed_without_properties' AS check_name,
        'warning' AS severity,
        count_if(d.itemid IS NULL) AS broken,
        'items with events of which nothing else is known' AS what
    FROM viewed AS v
    LEFT JOIN described AS d ON v.itemid = d.itemid

    UNION ALL

    SELECT
        'items_in_unknown_categories' AS check_name,
        'warning' AS severity,
        count_if(d.categoryid IS NOT NULL AND t.categoryid IS NULL) AS broken,
        'items in categories that the tree does not have' AS what
    FROM described AS d
    LEFT JOIN tree AS t ON d.categoryid = t.categoryid
)

SELECT
    check_name,
    severity,
    broken = 0 AS ok,
    CAST(broken AS varchar) || ' ' || what AS detail
FROM checks
ORDER BY check_name
