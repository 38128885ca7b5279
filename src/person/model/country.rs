//! Countries and regions by ISO 3166-1 alpha-3.

/// The assigned alpha-3 codes. Source: ISO 3166-1, as of 2025.
const ASSIGNED: &str = "\
    ABW AFG AGO AIA ALA ALB AND ARE ARG ARM ASM ATA ATF ATG AUS AUT AZE BDI BEL BEN BES BFA BGD BGR BHR BHS BIH BLM BLR BLZ BMU BOL BRA BRB BRN BTN BVT \
    BWA CAF CAN CCK CHE CHL CHN CIV CMR COD COG COK COL COM CPV CRI CUB CUW CXR CYM CYP CZE DEU DJI DMA DNK DOM DZA ECU EGY ERI ESH ESP EST ETH FIN FJI \
    FLK FRA FRO FSM GAB GBR GEO GGY GHA GIB GIN GLP GMB GNB GNQ GRC GRD GRL GTM GUF GUM GUY HKG HMD HND HRV HTI HUN IDN IMN IND IOT IRL IRN IRQ ISL ISR \
    ITA JAM JEY JOR JPN KAZ KEN KGZ KHM KIR KNA KOR KWT LAO LBN LBR LBY LCA LIE LKA LSO LTU LUX LVA MAC MAF MAR MCO MDA MDG MDV MEX MHL MKD MLI MLT MMR \
    MNE MNG MNP MOZ MRT MSR MTQ MUS MWI MYS MYT NAM NCL NER NFK NGA NIC NIU NLD NOR NPL NRU NZL OMN PAK PAN PCN PER PHL PLW PNG POL PRI PRK PRT PRY PSE \
    PYF QAT REU ROU RUS RWA SAU SDN SEN SGP SGS SHN SJM SLB SLE SLV SMR SOM SPM SRB SSD STP SUR SVK SVN SWE SWZ SXM SYC SYR TCA TCD TGO THA TJK TKL TKM \
    TLS TON TTO TUN TUR TUV TWN TZA UGA UKR UMI URY USA UZB VAT VCT VEN VGB VIR VNM VUT WLF WSM YEM ZAF ZMB ZWE";

/// Codes that ISO assigns to parts of China: they issue documents, and are no nationality.
const PARTS_OF_CHINA: [&str; 3] = ["HKG", "MAC", "TWN"];

/// A country or region that issues documents (ISO 3166-1 alpha-3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Country(String);

impl Country {
    /// Reads an assigned code, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        let code = text.trim().to_ascii_uppercase();
        (code.len() == 3 && ASSIGNED.split(' ').any(|c| c == code)).then_some(Self(code))
    }

    /// Reads a nationality: an assigned code of a country, not of a part of one. Residents of Hong Kong, Macao and
    /// Taiwan of Chinese nationality are `CHN`; which papers they hold says nothing about it.
    pub fn parse_nationality(text: &str) -> Option<Self> {
        Self::parse(text).filter(|c| !PARTS_OF_CHINA.contains(&c.as_str()))
    }

    /// China.
    pub fn china() -> Self {
        Self("CHN".to_owned())
    }

    /// The code, three capital letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The code, owned.
    pub fn into_code(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_whole() {
        let codes: Vec<&str> = ASSIGNED.split(' ').collect();
        assert_eq!(codes.len(), 249);
        assert!(codes.is_sorted_by(|a, b| a < b));
        assert!(codes.iter().all(|c| c.len() == 3 && c.bytes().all(|b| b.is_ascii_uppercase())));
    }

    #[test]
    fn a_nationality_is_a_country_whatever_the_papers() {
        assert_eq!(Country::parse_nationality("chn"), Some(Country::china()));
        assert_eq!(Country::parse_nationality(" PRT ").unwrap().as_str(), "PRT");
        for code in ["HKG", "MAC", "TWN"] {
            assert_eq!(Country::parse_nationality(code), None);
            assert_eq!(Country::parse(code).unwrap().as_str(), code);
        }
        for text in ["", "CN", "XYZ", "CHN CHE", "C N", "ＣＨＮ", "中国人"] {
            assert_eq!(Country::parse(text), None, "{text}");
        }
    }
}
