-- rows_there: how many sales and attempts there are already, as far as it matters.

SELECT
    (SELECT count(*) FROM (SELECT FROM sales LIMIT 1) AS sale)
    + (SELECT count(*) FROM (SELECT FROM checkout_attempts LIMIT 1) AS attempt) AS rows
