//! Numbers for places, so that what is kept by place is an array.

use vpcemu_dataplane::index::{EdgeIx, EndpointIx, EniIx};
use vpcemu_dataplane::outcome::Service;
use vpcemu_dataplane::{Place, Registry};

/// In the order of their numbers.
const SERVICES: [Service; 5] = [Service::Dns, Service::Imds, Service::Ntp, Service::Dhcp, Service::Kms];

/// Every place of a run: the internet, the services, interfaces, endpoints, edges, in this order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    enis: usize,
    endpoints: usize,
    edges: usize,
}

impl Places {
    /// Those of a registry.
    pub(crate) fn new(registry: &Registry) -> Self {
        Self { enis: registry.enis.len(), endpoints: registry.endpoints.len(), edges: registry.edges.len() }
    }

    /// The number of a place.
    #[inline]
    pub(crate) fn number(self, place: Place) -> usize {
        let enis = 1 + SERVICES.len();
        match place {
            Place::Internet => 0,
            Place::Service(service) => 1 + service as usize,
            Place::Interface(eni) => enis + usize::from(eni),
            Place::Endpoint(endpoint) => enis + self.enis + usize::from(endpoint),
            Place::Edge(edge) => enis + self.enis + self.endpoints + usize::from(edge),
        }
    }

    /// Every place, in the order of the numbers.
    pub(crate) fn iter(self) -> impl Iterator<Item = Place> {
        // Registries count in 32 bits.
        let all = |count: usize| 0..u32::try_from(count).unwrap_or(u32::MAX);
        let services = SERVICES.into_iter().map(Place::Service);
        let enis = all(self.enis).map(|index| Place::Interface(EniIx(index)));
        let endpoints = all(self.endpoints).map(|index| Place::Endpoint(EndpointIx(index)));
        let edges = all(self.edges).map(|index| Place::Edge(EdgeIx(index)));
        std::iter::once(Place::Internet).chain(services).chain(enis).chain(endpoints).chain(edges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_in_the_order_of_their_numbers() {
        let places = Places { enis: 3, endpoints: 2, edges: 4 };
        let numbers: Vec<usize> = places.iter().map(|place| places.number(place)).collect();
        assert_eq!(numbers, (0..15).collect::<Vec<_>>());
    }
}
