-- The logins of Flumen with the passwords of their secrets; run by the administrator before every migration. Safe to repeat, and the way a
-- rotated password reaches the database. `flumen migrate` then makes flumen_writer and flumen_reader able to do their work.
\set ON_ERROR_STOP on
\getenv owner_password FLUMEN_OWNER_PASSWORD
\getenv writer_password FLUMEN_WRITER_PASSWORD
\getenv reader_password FLUMEN_READER_PASSWORD

SELECT pg_advisory_lock(hashtext('flumen roles')) \g /dev/null
SET client_min_messages = warning;
SET password_encryption = 'scram-sha-256';

SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest(ARRAY['flumen_owner', 'flumen_writer', 'flumen_reader']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', name, password)
FROM (VALUES ('flumen_owner', :'owner_password'), ('flumen_writer', :'writer_password'), ('flumen_reader', :'reader_password')) AS roles (name, password)
-- The administrator of a throw-away database is the owner itself; its password is what it just logged in with.
WHERE name <> current_user OR password <> '' \gexec

-- The owner makes the group roles and the schema, and hands memberships out; it restores backups on trial into a database of their own.
SELECT 'ALTER ROLE flumen_owner CREATEDB' WHERE NOT (SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = 'flumen_owner') \gexec
SELECT 'ALTER ROLE flumen_owner CREATEROLE' WHERE NOT (SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = 'flumen_owner') \gexec
SELECT format('GRANT %I TO flumen_owner WITH ADMIN OPTION', name)
FROM unnest(ARRAY['flumen_writer', 'flumen_reader']) AS name
WHERE current_user <> 'flumen_owner' \gexec
SELECT format('GRANT CREATE, CONNECT ON DATABASE %I TO flumen_owner', current_database()) WHERE current_user <> 'flumen_owner' \gexec
SELECT 'GRANT CREATE, USAGE ON SCHEMA public TO flumen_owner' WHERE current_user <> 'flumen_owner' \gexec
