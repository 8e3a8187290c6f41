-- noqa: disable=LT02
-- How many digits a currency's minor unit has. Zero- and three-decimal currencies: docs.stripe.com/currencies
create or replace macro minor_digits(currency) as
    case
        when upper(currency) in (
            'BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'UGX', 'VND',
            'VUV', 'XAF', 'XOF', 'XPF'
        ) then 0
        when upper(currency) in ('BHD', 'JOD', 'KWD', 'OMR', 'TND') then 3
        else 2
    end;

-- An amount in the currency's major unit: 1999 usd is 19.990, 1999 jpy is 1999.000.
create or replace macro major(amount_minor, currency) as
    case minor_digits(currency)
        when 0 then amount_minor::decimal(38, 3)
        when 2 then amount_minor::decimal(38, 3) * 0.01
        else amount_minor::decimal(38, 3) * 0.001
    end::decimal(38, 3);

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
