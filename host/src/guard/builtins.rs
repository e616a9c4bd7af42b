//! The functions of each dialect that compute a value from their arguments, the rows and the clock, and
//! do nothing else.
//!
//! MySQL's list is that of MySQL 8.4 and 9 and of MariaDB 10.11 to 12 together: a function that one of
//! them lacks is an error there, and harmless. SQLite's is that of the build inside the host, with the
//! usual extensions. Athena's is that of Trino's documentation. `user()` and its kin are missing on
//! purpose: see [`super::functions`].

/// Harmless functions of MySQL and MariaDB.
pub(super) const MYSQL: &[&str] = &[
    // Choosing and comparing.
    "coalesce greatest if ifnull interval isnull least nullif nvl nvl2 strcmp decode_oracle values value default
     name_const any_value grouping row rownum",
    // Aggregates.
    "avg bit_and bit_or bit_xor count group_concat json_arrayagg json_objectagg max median min percentile_cont
     percentile_disc std stddev stddev_pop stddev_samp sum var_pop var_samp variance st_collect",
    // Windows.
    "cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number",
    // Numbers.
    "abs acos asin atan atan2 bit_count ceil ceiling conv cos cot crc32 crc32c degrees exp floor ln log log10 log2
     mod oct pi pow power radians rand round sign sin sqrt tan trunc truncate bin hex",
    // Strings.
    "ascii bit_length char char_length character_length chr concat concat_operator_oracle concat_ws elt export_set
     field find_in_set format format_bytes format_pico_time from_base64 insert instr lcase left length lengthb locate
     lower lpad lpad_oracle ltrim ltrim_oracle make_set mid natural_sort_key octet_length ord position quote repeat
     replace replace_oracle reverse right rpad rpad_oracle rtrim rtrim_oracle sformat soundex space substr
     substr_oracle substring substring_index to_base64 to_char to_number trim trim_oracle ucase unhex upper
     weight_string",
    // Patterns.
    "regexp_instr regexp_like regexp_replace regexp_substr",
    // Types, characters and collations.
    "binary cast charset coercibility collation convert",
    // Days and times.
    "add_months adddate addtime convert_tz curdate current_date current_time current_timestamp curtime date date_add
     date_format date_sub datediff day dayname dayofmonth dayofweek dayofyear extract from_days from_unixtime get_format
     hour last_day localtime localtimestamp makedate maketime microsecond minute month monthname months_between now
     period_add period_diff quarter sec_to_time second str_to_date subdate subtime sysdate time time_format time_to_sec
     timediff timestamp timestampadd timestampdiff to_date to_days to_seconds unix_timestamp utc_date utc_time
     utc_timestamp week weekday weekofyear year yearweek",
    // JSON.
    "json_array json_array_append json_array_insert json_array_intersect json_compact json_contains json_contains_path
     json_depth json_detailed json_equals json_exists json_extract json_insert json_key_value json_keys json_length
     json_loose json_merge json_merge_patch json_merge_preserve json_normalize json_object json_object_filter_keys
     json_object_to_array json_overlaps json_pretty json_query json_quote json_remove json_replace json_schema_valid
     json_schema_validation_report json_search json_set json_storage_free json_storage_size json_table json_type
     json_unquote json_valid json_value",
    // XML and dynamic columns.
    "extractvalue updatexml column_add column_check column_create column_delete column_exists column_get column_json
     column_list",
    // Hashes, ciphers and compression.
    "aes_decrypt aes_encrypt compress decode des_decrypt des_encrypt encode encrypt kdf md5 old_password password
     random_bytes sha sha1 sha2 statement_digest statement_digest_text uncompress uncompressed_length
     validate_password_strength",
    // Identifiers and addresses.
    "bin_to_uuid inet6_aton inet6_ntoa inet_aton inet_ntoa is_ipv4 is_ipv4_compat is_ipv4_mapped is_ipv6 is_uuid sys_guid
     uuid uuid_short uuid_to_bin uuid_v4 uuid_v7 uuidv4 uuidv7",
    // The schema, the version and the last statement.
    "database decode_histogram found_rows icu_version last_insert_id row_count schema schemas version gtid_subset
     gtid_subtract",
    // Vectors.
    "distance from_vector string_to_vector to_vector vec_distance vec_distance_cosine vec_distance_euclidean
     vec_fromtext vec_totext vector_dim vector_distance vector_to_string",
    // Shapes: made from text or bytes, with and without the prefix.
    "geomcollfromtext geomcollfromwkb geometrycollection geometrycollectionfromtext geometrycollectionfromwkb
     geometryfromtext geometryfromwkb geomfromtext geomfromwkb linefromtext linefromwkb linestring linestringfromtext
     linestringfromwkb mlinefromtext mlinefromwkb mpointfromtext mpointfromwkb mpolyfromtext mpolyfromwkb
     multilinestring multilinestringfromtext multilinestringfromwkb multipoint multipointfromtext multipointfromwkb
     multipolygon multipolygonfromtext multipolygonfromwkb point pointfromtext pointfromwkb polyfromtext polyfromwkb
     polygon polygonfromtext polygonfromwkb geomcollection st_geomcollfromtext st_geomcollfromtxt st_geomcollfromwkb
     st_geometrycollectionfromtext st_geometrycollectionfromwkb st_geometryfromtext st_geometryfromwkb
     st_geomfromgeojson st_geomfromtext st_geomfromwkb st_linefromtext st_linefromwkb st_linestringfromtext
     st_linestringfromwkb st_mlinefromtext st_mlinefromwkb st_mpointfromtext st_mpointfromwkb st_mpolyfromtext
     st_mpolyfromwkb st_multilinestringfromtext st_multilinestringfromwkb st_multipointfromtext st_multipointfromwkb
     st_multipolygonfromtext st_multipolygonfromwkb st_pointfromgeohash st_pointfromtext st_pointfromwkb
     st_polyfromtext st_polyfromwkb st_polygonfromtext st_polygonfromwkb",
    // Shapes: measured, compared and combined.
    "area asbinary astext aswkb aswkt boundary buffer centroid contains convexhull crosses dimension disjoint endpoint
     envelope equals exteriorring geometryn geometrytype glength interiorringn intersects isclosed isempty isring
     issimple mbrcontains mbrcoveredby mbrcovers mbrdisjoint mbrequal mbrequals mbrintersects mbroverlaps mbrtouches
     mbrwithin numgeometries numinteriorrings numpoints overlaps pointn pointonsurface srid startpoint touches within
     st_area st_asbinary st_asgeojson st_astext st_aswkb st_aswkt st_boundary st_buffer st_buffer_strategy st_centroid
     st_contains st_convexhull st_crosses st_difference st_dimension st_disjoint st_distance st_distance_sphere
     st_endpoint st_envelope st_equals st_exteriorring st_frechetdistance st_geohash st_geometryn st_geometrytype
     st_hausdorffdistance st_interiorringn st_intersection st_intersects st_isclosed st_isempty st_isring st_issimple
     st_isvalid st_latfromgeohash st_latitude st_length st_lineinterpolatepoint st_lineinterpolatepoints
     st_longfromgeohash st_longitude st_makeenvelope st_numgeometries st_numinteriorring st_numinteriorrings
     st_numpoints st_overlaps st_pointatdistance st_pointn st_pointonsurface st_relate st_simplify st_srid
     st_startpoint st_swapxy st_symdifference st_touches st_transform st_union st_validate st_within st_x st_y x y
    ",
];

/// Harmless functions of SQLite, table functions among them.
pub(super) const SQLITE: &[&str] = &[
    // Choosing and comparing.
    "coalesce glob if ifnull iif like likelihood likely match max min nullif regexp regexpi unlikely",
    // Aggregates.
    "avg count group_concat median percentile percentile_cont percentile_disc string_agg sum total decimal_sum",
    // Windows.
    "cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number",
    // Numbers.
    "abs acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh decimal decimal_add decimal_cmp decimal_exp
     decimal_mul decimal_pow2 decimal_sub degrees exp floor ieee754 ieee754_exponent ieee754_from_blob
     ieee754_mantissa ieee754_to_blob ln log log10 log2 mod pi pow power radians random round sign sin sinh sqrt tan
     tanh trunc",
    // Strings and bytes.
    "base64 base85 char concat concat_ws format hex instr length lower ltrim octet_length printf quote randomblob
     replace rtrim sha1 sha3 soundex substr substring trim unhex unicode unistr unistr_quote upper
     zeroblob",
    // Types.
    "cast subtype typeof",
    // Days and times.
    "current_date current_time current_timestamp date datetime julianday strftime time timediff unixepoch",
    // JSON.
    "json json_array json_array_insert json_array_length json_each json_error_position json_extract json_group_array
     json_group_object json_insert json_object json_patch json_pretty json_quote json_remove json_replace json_set
     json_tree json_type json_valid jsonb jsonb_array jsonb_array_insert jsonb_each jsonb_extract jsonb_group_array
     jsonb_group_object jsonb_insert jsonb_object jsonb_patch jsonb_remove jsonb_replace jsonb_set jsonb_tree",
    // Full text, and trees of shapes.
    "bm25 highlight matchinfo offsets snippet fts5_get_locale fts5_insttoken fts5_locale rtreecheck rtreedepth rtreenode",
    "geopoly_area geopoly_bbox geopoly_blob geopoly_ccw geopoly_contains_point geopoly_group_bbox geopoly_json
     geopoly_overlap geopoly_regular geopoly_svg geopoly_within geopoly_xform",
    // The last statement and the version.
    "changes fts5_source_id last_insert_rowid sqlite_compileoption_get sqlite_compileoption_used sqlite_source_id
     sqlite_version total_changes",
    // Tables that are made of their arguments.
    "generate_series series dbstat",
];

/// Harmless functions of Trino, as Athena's engine 3 has them.
pub(super) const ATHENA: &[&str] = &[
    // Choosing, comparing and converting.
    "coalesce format format_number greatest if least nullif parse_data_size parse_presto_data_size try typeof version",
    // Aggregates.
    "any_value approx_distinct approx_most_frequent approx_percentile approx_set arbitrary array_agg avg bitwise_and_agg
     bitwise_or_agg bitwise_xor_agg bool_and bool_or checksum corr count count_if covar_pop covar_samp entropy every
     geometric_mean grouping histogram kurtosis listagg make_set_digest map_agg map_union max max_by merge
     merge_set_digest min min_by multimap_agg numeric_histogram qdigest_agg reduce_agg regr_avgx regr_avgy regr_count
     regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy skewness stddev stddev_pop stddev_samp sum tdigest_agg
     var_pop var_samp variance",
    // Windows.
    "cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number",
    // Numbers and bits.
    "abs acos asin atan atan2 beta_cdf bit_count bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift
     bitwise_right_shift_arithmetic bitwise_xor cbrt ceil ceiling cos cosh cosine_distance cosine_similarity degrees
     dot_product e euclidean_distance exp floor from_base from_ieee754_32 from_ieee754_64 infinity inverse_beta_cdf
     inverse_normal_cdf is_finite is_infinite is_nan ln log log10 log2 mod nan normal_cdf pi pow power radians rand random
     round sign sin sinh sqrt t_cdf t_pdf tan tanh to_base to_ieee754_32 to_ieee754_64 truncate width_bucket
     wilson_interval_lower wilson_interval_upper",
    // Strings.
    "char2hexint char_length character_length chr codepoint concat concat_ws from_utf8 hamming_distance index length
     levenshtein_distance lower lpad ltrim luhn_check normalize position replace reverse rpad rtrim soundex split
     split_part split_to_map split_to_multimap starts_with strpos substr substring to_utf8 translate trim upper word_stem",
    // Patterns.
    "regexp_count regexp_extract regexp_extract_all regexp_like regexp_position regexp_replace regexp_split",
    // Bytes and hashes.
    "crc32 from_base32 from_base64 from_base64url from_big_endian_32 from_big_endian_64 from_hex hmac_md5 hmac_sha1
     hmac_sha256 hmac_sha512 md5 murmur3 sha1 sha256 sha512 spooky_hash_v2_32 spooky_hash_v2_64 to_base32 to_base64
     to_base64url to_big_endian_32 to_big_endian_64 to_hex xxhash64",
    // Days and times.
    "at_timezone current_date current_time current_timestamp current_timezone date date_add date_diff date_format
     date_parse date_trunc day day_of_month day_of_week day_of_year dow doy extract format_datetime from_iso8601_date
     from_iso8601_timestamp from_iso8601_timestamp_nanos from_unixtime from_unixtime_nanos hour human_readable_seconds
     last_day_of_month localtime localtimestamp millisecond minute month now parse_datetime parse_duration quarter second
     timezone timezone_hour timezone_minute to_char to_date to_iso8601 to_milliseconds to_timestamp to_unixtime week
     week_of_year with_timezone year year_of_week yow",
    // JSON.
    "is_json_scalar json_array json_array_contains json_array_get json_array_length json_exists json_extract
     json_extract_scalar json_format json_object json_parse json_query json_size json_value",
    // Arrays, maps and rows.
    "all_match any_match array array_distinct array_except array_first array_histogram array_intersect array_join
     array_last array_max array_min array_position array_remove array_sort array_union arrays_overlap cardinality
     combinations contains contains_sequence element_at filter flatten map map_concat map_entries map_filter
     map_from_entries map_keys map_values map_zip_with multimap_from_entries ngrams none_match reduce repeat row sequence
     shuffle slice transform transform_keys transform_values trim_array zip zip_with",
    // Addresses, identifiers and colours.
    "bar color render rgb url_decode url_encode url_extract_fragment url_extract_host url_extract_parameter
     url_extract_path url_extract_port url_extract_protocol url_extract_query uuid",
    // Sketches.
    "empty_approx_set hash_counts intersection_cardinality jaccard_index quantile_at_value value_at_quantile
     values_at_quantiles",
    // Shapes.
    "bing_tile bing_tile_at bing_tile_coordinates bing_tile_polygon bing_tile_quadkey bing_tile_zoom_level
     bing_tiles_around convex_hull_agg from_geojson_geometry geometry_from_hadoop_shape geometry_invalid_reason
     geometry_nearest_points geometry_to_bing_tiles geometry_union geometry_union_agg great_circle_distance
     line_interpolate_point line_interpolate_points line_locate_point simplify_geometry st_area st_asbinary st_astext
     st_boundary st_buffer st_centroid st_contains st_convexhull st_coorddim st_crosses st_difference st_dimension
     st_disjoint st_distance st_endpoint st_envelope st_envelopeaspts st_equals st_exteriorring st_geometries
     st_geometryfromtext st_geometryn st_geometrytype st_geomfrombinary st_interiorringn st_interiorrings st_intersection
     st_intersects st_isclosed st_isempty st_isring st_issimple st_isvalid st_length st_linefromtext st_linestring
     st_multipoint st_numgeometries st_numinteriorring st_numpoints st_overlaps st_point st_pointn st_points st_polygon
     st_relate st_startpoint st_symdifference st_touches st_union st_within st_x st_xmax st_xmin st_y st_ymax st_ymin
     to_geojson_geometry to_geometry to_spherical_geography",
    // Tables that are made of their arguments.
    "exclude_columns unnest",
];
