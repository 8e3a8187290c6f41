-- noqa: disable=LT02
-- How many digits a currency's minor unit has. Zero- and three-decimal currencies: docs.stripe.com/currencies
-- A map, since DuckDB makes a join of an `in` with five values or more.
create or replace macro minor_digits(currency) as
    coalesce(
        map {
            'BIF': 0, 'CLP': 0, 'DJF': 0, 'GNF': 0, 'JPY': 0, 'KMF': 0, 'KRW': 0, 'MGA': 0,
            'PYG': 0, 'RWF': 0, 'UGX': 0, 'VND': 0, 'VUV': 0, 'XAF': 0, 'XOF': 0, 'XPF': 0,
            'BHD': 3, 'JOD': 3, 'KWD': 3, 'OMR': 3, 'TND': 3
        }[upper(currency)],
        2
    );

-- An amount in the currency's major unit: 1999 usd is 19.990, 1999 jpy is 1999.000.
create or replace macro major(amount_minor, currency) as
    case minor_digits(currency)
        when 0 then amount_minor::decimal(38, 3)
        when 2 then amount_minor::decimal(38, 3) * 0.01
        else amount_minor::decimal(38, 3) * 0.001
    end::decimal(38, 3);

-- The same of a whole number, in a fifth of the time, since nothing has to be rounded.
create or replace macro major_of_whole(amount_minor, currency) as
    (
        amount_minor
        * case minor_digits(currency)
            when 0 then 1.000
            when 2 then 0.010
            else 0.001
        end
    )::decimal(38, 3);

-- Sessions as they were known at a moment.
create or replace macro sessions_as_of(moment) as table (
    select
        account, id, status, payment_status, amount_total, api_version, observed_at, payload
    from checkout_sessions
    where observed_at <= moment
    union all
    select
        account, id, status, payment_status, amount_total, api_version, observed_at, payload
    from checkout_session_history
    where observed_at <= moment and superseded_at > moment
);
