-- next_action: lets the numbers of the trail to come follow those that are there.

SELECT setval(pg_get_serial_sequence('operator_actions', 'number'), max(number))
FROM operator_actions
HAVING max(number) IS NOT NULL
