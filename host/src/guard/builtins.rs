//! The functions of each dialect that compute a value from their arguments, the rows and the clock, and
//! do nothing else.
//!
//! MySQL's list is that of MySQL 8.4 and 9 and of MariaDB 10.11 to 12 together: a function that one of
//! them lacks is an error there, and harmless. SQLite's is that of the build inside the host, with the
//! usual extensions. `user()` and its kin are missing on purpose: see [`super::functions`].

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
