-- tally: how many units of each sale are held and sold, at one moment.
--
-- $1 sale_id      bigint[]    the sales, each once
-- $2 known_sold   bigint[]    how many units of each are not in a range
-- $3 of_sale      bigint[]    ranges of units of these sales: all but those that are known to be sold
-- $4 first        integer[]
-- $5 last         integer[]
--
-- What is live is counted by its index alone, and what is sold is taken from it. A closed sale has
-- no hold, and its figure is written down, so nothing is counted for it.

SELECT
    sale.id AS sale_id,
    sale.epoch,
    -- What a server has had from the one before it was committed by then, by the clock of that one.
    coalesce(sale.epoch_at > pg_last_xact_replay_timestamp(), false) AS is_epoch_of_server,
    clock_timestamp() AS now,
    sold.units AS sold,
    CASE
        WHEN sale.closed_at IS NULL THEN (
            SELECT coalesce(sum(live.units), 0)::bigint
            FROM unnest($3::bigint[], $4::integer[], $5::integer[]) AS unsold (of_sale, first, last)
            CROSS JOIN LATERAL (
                SELECT count(*) AS units
                FROM (
                    -- In this order, so that the index of the units is the one to go by.
                    SELECT unit
                    FROM checkout_attempts
                    WHERE sale_id = sale.id AND live AND unit BETWEEN unsold.first AND unsold.last
                    ORDER BY unit
                    OFFSET 0
                ) AS attempt
            ) AS live
            WHERE unsold.of_sale = sale.id
        ) + asked.known_sold - sold.units
        ELSE 0
    END AS held
FROM unnest($1::bigint[], $2::bigint[]) AS asked (sale_id, known_sold)
INNER JOIN sales AS sale ON sale.id = asked.sale_id
CROSS JOIN LATERAL (
    SELECT
        coalesce(
            sale.sold,
            (
                SELECT coalesce(sum(count.sold), 0)
                FROM sold_counts AS count
                WHERE count.sale_id = sale.id
            )
        )::bigint AS units
    -- So that it is asked for once.
    OFFSET 0
) AS sold
