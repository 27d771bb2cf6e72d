//! Columns that show one number of a row in one of several forms.

use snmp::{Column, Syntax, Value};

/// A number among those of a row.
pub(super) trait Quantity: Copy {
    /// Type of the numbers of a row.
    type Source;

    /// The number.
    fn of(source: &Self::Source) -> u64;
}

/// A row with numbers of type `S`.
pub(super) trait Has<S> {
    /// The numbers.
    fn numbers(&self) -> &S;
}

/// A form of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Gauge32: a greater number is shown as 2^32 - 1.
    Gauge32,
    /// Counter32: the lower 32 bits.
    Counter32,
    /// Counter64: the number.
    Counter64,
    /// Unsigned32: the lower 32 bits.
    Low,
    /// Unsigned32: the upper 32 bits.
    High,
}

impl Form {
    /// The column that shows a quantity in this form.
    pub(super) const fn column<T, K, R: Has<Q::Source>, Q: Quantity>(
        self,
        number: u32,
        name: &'static str,
        _quantity: Q,
    ) -> Column<T, K, R> {
        match self {
            Form::Gauge32 => Column::new(number, name, Syntax::Gauge32, |_, _, row| Some(gauge(Q::of(row.numbers())))),
            Form::Counter32 => Column::new(number, name, Syntax::Counter32, |_, _, row| {
                Some(Value::Counter32(low(Q::of(row.numbers()))))
            }),
            Form::Counter64 => {
                Column::new(number, name, Syntax::Counter64, |_, _, row| Some(Value::Counter64(Q::of(row.numbers()))))
            }
            Form::Low => Column::new(number, name, Syntax::UNSIGNED32, |_, _, row| {
                Some(Value::Gauge32(low(Q::of(row.numbers()))))
            }),
            Form::High => Column::new(number, name, Syntax::UNSIGNED32, |_, _, row| {
                Some(Value::Gauge32(low(Q::of(row.numbers()) >> 32)))
            }),
        }
    }
}

fn gauge(number: u64) -> Value {
    Value::Gauge32(u32::try_from(number).unwrap_or(u32::MAX))
}

/// The lower 32 bits.
pub(super) fn low(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

/// Declares quantities: the name, and the expression for the number.
macro_rules! quantities {
    ($source:ty; $($name:ident: |$numbers:ident| $number:expr;)+) => {
        $(
            #[derive(Clone, Copy)]
            pub(super) struct $name;

            impl $crate::mib::forms::Quantity for $name {
                type Source = $source;

                fn of($numbers: &$source) -> u64 {
                    $number
                }
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    struct Itself;

    impl Quantity for Itself {
        type Source = u64;

        fn of(number: &u64) -> u64 {
            *number
        }
    }

    impl Has<u64> for u64 {
        fn numbers(&self) -> &u64 {
            self
        }
    }

    #[test]
    fn a_number_in_all_forms() {
        let shown = |form: Form, number: u64| {
            let column: Column<(), (), u64> = form.column(1, "number", Itself);
            let value = (column.get)(&(), &(), &number).expect("a value");
            assert_eq!(column.syntax.check(&value), Ok(()));
            value
        };
        let number = (5 << 32) + 7;
        assert_eq!(shown(Form::Gauge32, number), Value::Gauge32(u32::MAX), "a gauge does not wrap");
        assert_eq!(shown(Form::Gauge32, 7), Value::Gauge32(7));
        assert_eq!(shown(Form::Counter32, number), Value::Counter32(7), "a counter wraps");
        assert_eq!(shown(Form::Counter64, number), Value::Counter64(number));
        assert_eq!((shown(Form::Low, number), shown(Form::High, number)), (Value::Gauge32(7), Value::Gauge32(5)));
    }
}
