-- arithmetic
SELECT id, delay / 2, delay % 4, -delay / 2 FROM probe.flights ORDER BY id
SELECT id, distance / 7, distance % 7, distance / 7e0 FROM probe.flights ORDER BY id
SELECT id, fare / 3, fare / 7.5, fare * 1.1, fare + 1, fare - 0.005 FROM probe.flights ORDER BY id
SELECT id, fare * delay, fare / delay FROM probe.flights WHERE delay <> 0 ORDER BY id
SELECT id, fare % 3, mod(distance, 100) FROM probe.flights ORDER BY id
SELECT id, CAST(delay AS double) / distance FROM probe.flights ORDER BY id
SELECT 7 / 2, -7 / 2, 7.0 / 2, 7e0 / 2, 1 / 3.0, 10.00 / 3
SELECT CAST(1 AS decimal(38,0)) / 3, CAST(2 AS decimal(20,5)) / CAST(3 AS decimal(20,10))
SELECT CAST('0.05' AS decimal(5,2)) * 100, 0.05 + 0.1, 1.5 * 2
SELECT round(2.5e0), round(-2.5e0), round(3.14159e0, 2), round(fare, 1) FROM probe.flights WHERE id = 1
SELECT ceil(2.1e0), floor(-2.1e0), truncate(2.99e0), abs(-3), sign(-3), ceil(5), floor(5)
SELECT power(2, 3), sqrt(9), cbrt(27), ln(1), log10(100), log2(8), exp(0), pi(), e()
SELECT greatest(1, 2), least(1, 2), greatest(1, NULL), nullif(1, 1), coalesce(NULL, 2)
SELECT width_bucket(5.3e0, 0e0, 10e0, 5), bitwise_and(5, 3), bitwise_or(5, 3), bitwise_xor(5, 3)

SELECT -7.5e0 % 2e0, 7.5e0 % -2e0, mod(-7e0, 3e0), mod(-7, 3), rate % 0.3e0 FROM probe.flights ORDER BY id

-- subscripts
SELECT map(ARRAY[1,2,3], ARRAY['a','b','c'])[2], (map(ARRAY[1], ARRAY['a']))[1], CAST(map(ARRAY[1], ARRAY['x']) AS map(integer, varchar))[1]
SELECT ARRAY[10,20,30][2], ARRAY[ARRAY[1,2],ARRAY[3]][1][2], element_at(ARRAY[1,2], 2), element_at(ARRAY[1,2], 3), split('a,b', ',')[2]
SELECT row(1,'x')[2], m[1], element_at(m, 3), a[id] FROM (SELECT id, map(ARRAY[1,2], ARRAY['p','q']) AS m, ARRAY[7,8,9,10,11] AS a FROM probe.flights) ORDER BY a[id]
SELECT map(ARRAY['k'], ARRAY[ARRAY[5,6]])['k'][2], ARRAY[map(ARRAY[2], ARRAY['z'])][1][2]

-- NULL among elements
SELECT max_by(delay, distance), min_by(delay, distance), max_by(delay, id) FROM probe.flights WHERE id <= 3
SELECT array_max(ARRAY[1,NULL]), array_min(ARRAY[1,NULL]), array_max(ARRAY[2,3]), array_min(CAST(NULL AS array(integer)))
SELECT contains(ARRAY[1,NULL], 2), contains(ARRAY[1,NULL], 1), contains(ARRAY[1], 2), contains(ARRAY[1,2], NULL)
SELECT arrays_overlap(ARRAY[1,NULL], ARRAY[2]), arrays_overlap(ARRAY[1,NULL], ARRAY[1]), arrays_overlap(ARRAY[1], ARRAY[2])
SELECT any_match(ARRAY[NULL,1], x -> x > 1), any_match(ARRAY[NULL,2], x -> x > 1), any_match(ARRAY[1], x -> x > 1)
SELECT all_match(ARRAY[NULL,2], x -> x > 1), all_match(ARRAY[NULL,1], x -> x > 1), all_match(ARRAY[2], x -> x > 1)
SELECT none_match(ARRAY[NULL,1], x -> x > 1), none_match(ARRAY[2], x -> x > 1), none_match(CAST(NULL AS array(integer)), x -> x > 1)
SELECT any_match(CAST(NULL AS array(integer)), x -> x > 1), all_match(CAST(NULL AS array(integer)), x -> x > 1)
SELECT array_position(ARRAY[1,2], 5), array_position(ARRAY[1,2], 2), array_position(ARRAY[1], NULL)
SELECT array_remove(ARRAY[1,2,NULL,2], 2), array_remove(ARRAY[1], NULL)

-- JSON that is none
SELECT json_extract_scalar('oops', '$.a'), json_extract('oops', '$.a'), json_array_length('oops')
SELECT json_extract_scalar(s, '$.a') FROM (VALUES '{"a": "x"}', 'bad', NULL) t(s) ORDER BY 1
SELECT CAST(json_extract('{"a":"x"}', '$.a') AS varchar), CAST(JSON '"y"' AS varchar)

-- aggregates
SELECT count(*), count(delay), sum(delay), avg(delay), min(delay), max(delay) FROM probe.flights
SELECT sum(fare), avg(fare), min(fare), max(fare) FROM probe.flights
SELECT carrier, avg(fare), sum(fare) / count(*) FROM probe.flights GROUP BY carrier ORDER BY carrier
SELECT carrier, count(*) AS n FROM probe.flights GROUP BY carrier HAVING count(*) > 1 ORDER BY 1
SELECT avg(fare) FILTER (WHERE delay > 0), count(*) FILTER (WHERE cancelled) FROM probe.flights
SELECT count_if(delay > 0), bool_or(cancelled), bool_and(cancelled) FROM probe.flights
SELECT max_by(id, distance), min_by(id, distance), arbitrary(1) FROM probe.flights
SELECT stddev(delay), variance(delay), stddev_pop(delay), corr(delay, distance) FROM probe.flights
SELECT array_agg(carrier ORDER BY id), listagg(carrier, ',') WITHIN GROUP (ORDER BY id) FROM probe.flights
SELECT approx_distinct(carrier), count(DISTINCT carrier), sum(DISTINCT delay) FROM probe.flights
SELECT carrier, day, sum(distance), grouping(carrier, day) FROM probe.flights GROUP BY GROUPING SETS ((carrier), (day), ()) ORDER BY 4, 1, 2
SELECT carrier, sum(distance) FROM probe.flights GROUP BY ROLLUP (carrier) ORDER BY 1
SELECT sum(delay), avg(fare), max(day) FROM probe.flights WHERE false
SELECT 100.0 * sum(CASE WHEN delay > 0 THEN 1 ELSE 0 END) / count(*) FROM probe.flights
SELECT CAST(100.0 * count_if(delay > 0) / count(*) AS decimal(5,2)) FROM probe.flights
SELECT geometric_mean(distance), avg(CAST(delay AS double)) FROM probe.flights

-- windows
SELECT id, row_number() OVER (PARTITION BY carrier ORDER BY day, id) FROM probe.flights ORDER BY id
SELECT id, rank() OVER (ORDER BY delay), dense_rank() OVER (ORDER BY delay DESC) FROM probe.flights ORDER BY id
SELECT id, lag(delay) OVER (ORDER BY id), lead(delay, 1, 0) OVER (ORDER BY id) FROM probe.flights ORDER BY id
SELECT id, sum(distance) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM probe.flights ORDER BY id
SELECT id, avg(fare) OVER (PARTITION BY carrier) FROM probe.flights ORDER BY id
SELECT id, distance * 100.0 / sum(distance) OVER (PARTITION BY carrier) FROM probe.flights ORDER BY id
SELECT id, first_value(id) OVER w, last_value(id) OVER w FROM probe.flights WINDOW w AS (PARTITION BY carrier ORDER BY id) ORDER BY id
SELECT id, ntile(2) OVER (ORDER BY id), percent_rank() OVER (ORDER BY id), cume_dist() OVER (ORDER BY id) FROM probe.flights ORDER BY id
SELECT carrier, rank() OVER (ORDER BY sum(distance) DESC) FROM probe.flights GROUP BY carrier ORDER BY 2
SELECT id, count(*) OVER (ORDER BY day RANGE BETWEEN INTERVAL '30' DAY PRECEDING AND CURRENT ROW) FROM probe.flights ORDER BY id

-- instants
SELECT id, day + INTERVAL '1' MONTH, day - INTERVAL '7' DAY FROM probe.flights ORDER BY id
SELECT id, taken + INTERVAL '90' MINUTE, taken - INTERVAL '1' DAY FROM probe.flights ORDER BY id
SELECT id, date_trunc('month', day), date_trunc('week', day), date_trunc('quarter', day) FROM probe.flights ORDER BY id
SELECT id, date_trunc('hour', taken), date_trunc('day', taken) FROM probe.flights ORDER BY id
SELECT id, date_diff('day', day, DATE '2014-01-01'), date_diff('month', day, DATE '2014-01-01') FROM probe.flights ORDER BY id
SELECT id, date_diff('hour', taken, TIMESTAMP '2013-03-01 12:00:00'), date_diff('minute', CAST(day AS timestamp), taken) FROM probe.flights ORDER BY id
SELECT id, date_add('day', 1, day), date_add('month', -1, day), date_add('hour', 5, taken) FROM probe.flights ORDER BY id
SELECT id, day - DATE '2013-01-01', taken - TIMESTAMP '2013-01-01 00:00:00' FROM probe.flights ORDER BY id
SELECT id, year(day), quarter(day), month(day), day(day), week(day), year_of_week(day) FROM probe.flights ORDER BY id
SELECT id, day_of_week(day), day_of_year(day), hour(taken), minute(taken), second(taken), millisecond(taken) FROM probe.flights ORDER BY id
SELECT id, extract(year FROM day), extract(dow FROM day), extract(hour FROM taken) FROM probe.flights ORDER BY id
SELECT id, date_format(taken, '%Y-%m-%d %H:%i:%s'), format_datetime(taken, 'yyyy-MM-dd HH:mm') FROM probe.flights ORDER BY id
SELECT date_parse('2024-03-05 07:08:09', '%Y-%m-%d %H:%i:%s'), from_iso8601_date('2024-01-05')
SELECT from_unixtime(1700000000), to_unixtime(TIMESTAMP '2024-01-01 00:00:00 UTC'), last_day_of_month(DATE '2024-02-05')
SELECT id, CAST(taken AS date), CAST(day AS timestamp), CAST(day AS varchar), CAST(taken AS varchar) FROM probe.flights ORDER BY id
SELECT CAST(TIMESTAMP '2024-07-01 03:00:00 UTC' AT TIME ZONE 'America/New_York' AS date), hour(TIMESTAMP '2024-07-01 03:00:00 UTC' AT TIME ZONE 'Asia/Tokyo')
SELECT id FROM probe.flights WHERE day BETWEEN DATE '2013-02-01' AND DATE '2013-03-01' ORDER BY id
SELECT id FROM probe.flights WHERE taken >= TIMESTAMP '2013-02-28 23:59:59' AND day < DATE '2013-12-01' ORDER BY id
SELECT d FROM unnest(sequence(DATE '2024-01-30', DATE '2024-02-02')) AS t(d) ORDER BY d
SELECT d FROM unnest(sequence(DATE '2024-01-01', DATE '2024-06-01', INTERVAL '1' MONTH)) AS t(d) ORDER BY d

-- text
SELECT upper(name), lower(name), length(name), reverse(name) FROM probe.airlines ORDER BY carrier
SELECT substr('hello', 2, 3), substr('hello', -3), substr('hello', 0), substring('hello' FROM 2 FOR 2)
SELECT strpos('hello', 'l'), position('l' IN 'hello'), replace('aXbX', 'X'), replace('aXb', 'X', '-')
SELECT lpad('7', 3, '0'), rpad('a', 3, '.'), trim('  a '), ltrim('  a'), rtrim('a  ')
SELECT split('a,b,c', ','), split_part('a,b', ',', 2), split_part('a,b', ',', 5)
SELECT 'a' || 'b', 'a' || CAST(NULL AS varchar), concat('a', 'b', 'c'), concat_ws('-', 'a', NULL, 'b')
SELECT regexp_like('abc1', '[0-9]'), regexp_extract('a12b', '([a-z])([0-9]+)', 2), regexp_extract('abc', 'z')
SELECT regexp_replace('a1b2', '[0-9]', 'X'), regexp_replace('ab', '(a)(b)', '$2$1'), regexp_count('a1b2', '[0-9]')
SELECT starts_with('abc', 'ab'), chr(65), codepoint('A'), translate('abc', 'ab', 'xy'), levenshtein_distance('kitten', 'sitting')
SELECT 'a_b' LIKE 'a\_b' ESCAPE '\', 'A' LIKE 'a', 'abc' LIKE '%b%', 'abc' NOT LIKE 'a%'
SELECT to_hex(md5(to_utf8('a'))), to_hex(sha256(to_utf8('a'))), from_utf8(to_utf8('a')), to_base64(to_utf8('a'))
SELECT CAST(1.5e0 AS varchar), CAST(1e10 AS varchar), CAST(0.1 AS varchar), CAST(true AS varchar), CAST(12 AS varchar)
SELECT CAST('12' AS integer), CAST('1.5' AS double), CAST('2024-01-05' AS date), CAST('abc' AS varchar(2))
SELECT CAST(2.5e0 AS integer), CAST(3.5e0 AS bigint), CAST(2.5 AS integer), CAST(-2.5 AS integer)
SELECT TRY_CAST('x' AS integer), TRY_CAST('1.5' AS integer), TRY_CAST('7' AS bigint), TRY(1 / 0)
SELECT json_extract_scalar('{"a":{"b":5,"c":"x"}}', '$.a.c'), json_extract_scalar('{"a":{"b":5}}', '$.a')
SELECT json_format(json_extract('{"a":[1,2]}', '$.a')), json_array_length('[1,2,3]')

-- nested
SELECT x, n FROM unnest(ARRAY['a','b']) WITH ORDINALITY AS t(x, n) ORDER BY n
SELECT a, b FROM unnest(ARRAY[1,2,3], ARRAY['x','y']) AS t(a, b) ORDER BY a
SELECT a, n FROM unnest(ARRAY[1,2], ARRAY['x','y']) WITH ORDINALITY AS t(a, b, n) ORDER BY n
SELECT k, v FROM unnest(map(ARRAY['a','b'], ARRAY[1,2])) AS t(k, v) ORDER BY k
SELECT id, e FROM (VALUES (1, ARRAY[10,20]), (2, ARRAY[30])) t(id, xs) CROSS JOIN unnest(xs) AS u(e) ORDER BY 1, 2
SELECT id, e FROM (VALUES (1, ARRAY[10]), (2, CAST(ARRAY[] AS array(integer)))) t(id, xs) LEFT JOIN unnest(xs) AS u(e) ON true ORDER BY 1
SELECT ARRAY[1,2][2], element_at(ARRAY[1,2], 5), element_at(ARRAY[1,2], -1), cardinality(ARRAY[1,2])
SELECT map(ARRAY['a','b'], ARRAY[1,2])['b'], element_at(map(ARRAY['a'], ARRAY[1]), 'z')
SELECT transform(ARRAY[1,2], x -> x / 2), filter(ARRAY[1,2,3], x -> x > 1), reduce(ARRAY[1,2,3], 0, (s, x) -> s + x, s -> s)
SELECT any_match(ARRAY[1,2], x -> x > 1), all_match(ARRAY[1,2], x -> x > 1), none_match(ARRAY[1], x -> x > 5)
SELECT zip_with(ARRAY[1,2], ARRAY[3,4], (a, b) -> a * b), map_filter(map(ARRAY['a','b'], ARRAY[1,2]), (k, v) -> v > 1)
SELECT array_distinct(ARRAY[1,1,2]), array_sort(ARRAY[3,1,2]), array_max(ARRAY[1,5]), array_join(ARRAY['a','b'], '-')
SELECT contains(ARRAY[1,2], 2), array_position(ARRAY[5,6], 6), slice(ARRAY[1,2,3], 2, 2), flatten(ARRAY[ARRAY[1], ARRAY[2]])
SELECT r.a, r.b FROM (SELECT CAST(ROW(1, 'x') AS row(a integer, b varchar)) r)
SELECT sequence(1, 5), sequence(5, 1, -2), sequence(3, 1)
SELECT map_agg(carrier, name) FROM probe.airlines WHERE name IS NOT NULL AND carrier = 'UA'

-- queries
SELECT f.id, a.name FROM probe.flights f JOIN probe.airlines a ON f.carrier = a.carrier ORDER BY f.id
SELECT f.id, a.name FROM probe.flights f LEFT JOIN probe.airlines a USING (carrier) ORDER BY f.id
SELECT carrier, name FROM probe.airlines ORDER BY name DESC
SELECT id, delay FROM probe.flights ORDER BY delay, id
SELECT id, delay FROM probe.flights ORDER BY delay DESC, id LIMIT 3
SELECT id FROM probe.flights ORDER BY id OFFSET 1 LIMIT 2
SELECT id FROM probe.flights ORDER BY id FETCH FIRST 2 ROWS ONLY
SELECT count(*) FROM probe.flights
WITH late AS (SELECT carrier, avg(delay) d FROM probe.flights GROUP BY carrier) SELECT * FROM late WHERE d > 0 ORDER BY 1
WITH RECURSIVE t(n) AS (VALUES 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT sum(n) FROM t
SELECT id FROM probe.flights f WHERE distance > (SELECT avg(distance) FROM probe.flights g WHERE g.carrier = f.carrier) ORDER BY id
SELECT id FROM probe.flights f WHERE EXISTS (SELECT 1 FROM probe.airlines a WHERE a.carrier = f.carrier) ORDER BY id
SELECT id FROM probe.flights WHERE carrier IN (SELECT carrier FROM probe.airlines) ORDER BY id
SELECT carrier FROM probe.flights EXCEPT SELECT carrier FROM probe.airlines
SELECT carrier FROM probe.flights INTERSECT SELECT carrier FROM probe.airlines ORDER BY 1
SELECT carrier FROM probe.airlines UNION SELECT carrier FROM probe.flights ORDER BY 1
SELECT t.x, u.y FROM (VALUES 1, 2) t(x) CROSS JOIN LATERAL (SELECT t.x * 2 AS y) u ORDER BY 1
SELECT CASE WHEN delay > 0 THEN 'late' WHEN delay <= 0 THEN 'fine' END s, count(*) FROM probe.flights GROUP BY 1 ORDER BY 1
SELECT NULL IS DISTINCT FROM 1, 1 IS NOT DISTINCT FROM 1, NULL = 1
SELECT Id, DELAY AS Late, delay + 1 FROM probe.flights WHERE ID = 1
SELECT table_name FROM information_schema.tables WHERE table_schema = 'probe' ORDER BY 1
SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'probe' AND table_name = 'flights' ORDER BY ordinal_position
SELECT operation FROM probe."flights$snapshots"
SHOW TABLES FROM probe
DESCRIBE probe.flights

-- refused
SELECT 1 / (id - id) FROM probe.flights
SELECT nope FROM probe.flights
SELECT * FROM probe.nope
SELECT * FROM nope.nope
SELEC 1
SELECT CAST('a' AS integer)
SELECT CAST('1.5' AS integer)
SELECT CAST('x' AS date)
SELECT 1 = '1'
SELECT day + 1 FROM probe.flights
SELECT ARRAY[1, 2][5]
SELECT sum(x) FROM (VALUES 9223372036854775807, 1) t(x)
SELECT 2147483647 + 1
SELECT carrier, count(*) FROM probe.flights
SELECT (SELECT id FROM probe.flights)
SELECT fare / 0 FROM probe.flights
SELECT id FROM probe.flights WHERE carrier = 5
