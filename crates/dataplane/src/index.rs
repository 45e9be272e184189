//! Indices that stand for resources on the packet path, and the registry that gives them their names back.
//!
//! One registry serves every fabric of a run's timeline, so that an interface keeps its index, and with it its
//! connection state, when the configuration is swapped.

use std::collections::HashMap;
use std::sync::Arc;

use vpcemu_model::Id;

macro_rules! indices {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
            pub struct $name(pub u32);

            impl From<u32> for $name {
                fn from(index: u32) -> Self {
                    Self(index)
                }
            }

            impl From<$name> for usize {
                fn from(index: $name) -> Self {
                    index.0 as Self
                }
            }
        )+
    };
}

indices! {
    /// A VPC.
    VpcIx,
    /// A subnet.
    SubnetIx,
    /// A route table.
    TableIx,
    /// A network ACL.
    AclIx,
    /// A network interface.
    EniIx,
    /// A security group.
    GroupIx,
    /// A security group rule.
    RuleIx,
    /// An internet gateway.
    IgwIx,
    /// An egress-only internet gateway.
    EigwIx,
    /// A NAT gateway.
    NatIx,
    /// A VPC endpoint.
    EndpointIx,
    /// What lies beyond a VPC: a peering connection, transit gateway, attachment or virtual private gateway, or only a name.
    EdgeIx,
    /// What has a connection table of its own (6.19): an instance, or an interface that belongs to none.
    HostIx,
}

/// Ids of one kind, by index and back.
#[derive(Debug)]
pub struct Interner<I> {
    ids: Vec<Id>,
    by_id: HashMap<Id, u32>,
    kind: std::marker::PhantomData<I>,
}

impl<I> Default for Interner<I> {
    fn default() -> Self {
        Self { ids: Vec::new(), by_id: HashMap::new(), kind: std::marker::PhantomData }
    }
}

impl<I: From<u32> + Into<usize>> Interner<I> {
    /// The index of `id`, a new one if it was never seen.
    pub fn intern(&mut self, id: &Id) -> I {
        let next = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        let index = *self.by_id.entry(id.clone()).or_insert_with(|| {
            self.ids.push(id.clone());
            next
        });
        I::from(index)
    }

    /// The index of `id`, if it has one.
    pub fn find(&self, id: &Id) -> Option<I> {
        self.by_id.get(id).copied().map(I::from)
    }

    /// The id behind an index.
    pub fn id(&self, index: I) -> &Id {
        &self.ids[index.into()]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// All ids in the order of their indices.
    pub fn iter(&self) -> impl Iterator<Item = (I, &Id)> {
        self.ids.iter().enumerate().map(|(index, id)| (I::from(u32::try_from(index).unwrap_or(u32::MAX)), id))
    }
}

/// The names of everything that verdicts can mention, over all fabrics of a run.
#[derive(Debug, Default)]
pub struct Registry {
    /// VPCs.
    pub vpcs: Interner<VpcIx>,
    /// Subnets.
    pub subnets: Interner<SubnetIx>,
    /// Route tables.
    pub tables: Interner<TableIx>,
    /// Network ACLs.
    pub acls: Interner<AclIx>,
    /// Network interfaces.
    pub enis: Interner<EniIx>,
    /// Security groups.
    pub groups: Interner<GroupIx>,
    /// Security group rules.
    pub rules: Interner<RuleIx>,
    /// Internet gateways.
    pub igws: Interner<IgwIx>,
    /// Egress-only internet gateways.
    pub eigws: Interner<EigwIx>,
    /// NAT gateways.
    pub nats: Interner<NatIx>,
    /// VPC endpoints.
    pub endpoints: Interner<EndpointIx>,
    /// What lies beyond VPCs.
    pub edges: Interner<EdgeIx>,
    /// Instances, and interfaces that belong to none.
    pub hosts: Interner<HostIx>,
    /// Names of interfaces for people, where they have one.
    pub eni_names: HashMap<EniIx, Arc<str>>,
}
