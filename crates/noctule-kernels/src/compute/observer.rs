//! Looking at what enters the products, for calibration: off unless somebody asks.

use super::{Compute, Product};
use crate::block::Matrix;
use crate::view::Rows;
use std::sync::Arc;

/// Is shown what every product of activations and weights is given, before it is computed.
pub trait Observer: Send + Sync {
    /// `x` (m × k) is about to be multiplied with `weights` (n × k). The weights are the caller's own bytes, so
    /// their address tells which tensor they are.
    fn product(&self, weights: &Matrix<'_>, x: Rows<'_>);
}

impl Compute {
    /// Shows all further products to `observer`, or to nobody.
    pub fn observe(&mut self, observer: Option<Arc<dyn Observer>>) {
        self.observer = observer;
    }

    pub(super) fn show(&self, x: Rows<'_>, products: &[Product<'_>]) {
        if let Some(observer) = &self.observer {
            products.iter().for_each(|product| observer.product(&product.weights, x));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::GgmlType;
    use crate::{Precision, RowsMut, Tier};
    use std::sync::Mutex;

    #[derive(Default)]
    struct Seen(Mutex<Vec<(usize, Vec<f32>)>>);

    impl Observer for Seen {
        fn product(&self, weights: &Matrix<'_>, x: Rows<'_>) {
            self.0.lock().unwrap().push((weights.bytes().as_ptr().addr(), x.row(0).to_vec()));
        }
    }

    #[test]
    fn an_observer_sees_every_product_until_it_is_taken_away() {
        let mut compute = Compute::new(Tier::Scalar, 1, Precision::Accurate);
        let bytes = [0u8; 2 * 4 * 4];
        let weights = Matrix::new(GgmlType::F32, 2, 4, &bytes).unwrap();
        let seen = Arc::new(Seen::default());
        let run = |compute: &Compute| {
            let (mut a, mut b) = ([0.0; 2], [0.0; 2]);
            compute.linear(
                Rows::new(&[1.0, 2.0, 3.0, 4.0], 1, 4),
                &mut [
                    Product::new(weights, RowsMut::new(&mut a, 1, 2)),
                    Product::new(weights, RowsMut::new(&mut b, 1, 2)),
                ],
            );
        };
        compute.observe(Some(seen.clone()));
        run(&compute);
        let expected = (bytes.as_ptr().addr(), vec![1.0, 2.0, 3.0, 4.0]);
        assert_eq!(*seen.0.lock().unwrap(), [expected.clone(), expected]);
        compute.observe(None);
        run(&compute);
        assert_eq!(seen.0.lock().unwrap().len(), 2);
    }
}
